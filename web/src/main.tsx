import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { startFeed } from './feed/store.ts'
import { hashOfPath } from './route.ts'
import './styles/tokens.css'
import './styles/page.css'
import './styles/panels.css'
import './styles/controls.css'
import './styles/tables.css'
import './styles/dialogs.css'
import './styles/system.css'
import './styles/map.css'
import './styles/service.css'
import './styles/requests.css'
import './styles/keys.css'
import './styles/routes.css'
import './styles/metrics.css'
import './styles/timeline.css'
import './styles/narrow.css'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
const hash = hashOfPath(window.location.pathname)
if (hash !== null) window.history.replaceState(null, '', `/${hash}`)
startFeed()
createRoot(root).render(<App />)
