// Runs before the first paint, so that a remembered theme does not flash. A file of its own: the policy forbids inline scripts.
// It is cached for a year: a change needs a new number in the name.
try {
  const theme = localStorage.getItem('backplane.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is switched off: the system's preference holds.
}
