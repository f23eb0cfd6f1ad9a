import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/**
 * Absolute addresses, since the server answers deep links such as /services/orders with the same page.
 * No inlined assets: the content security policy allows nothing but 'self'.
 */
// oxlint-disable-next-line import/no-default-export -- Vite reads the default export
export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2023',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
  },
  server: { proxy: { '/api': 'http://127.0.0.1:4000' } },
})
