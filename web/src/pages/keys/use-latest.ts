import { useCallback, useEffect, useState } from 'react'
import { toastError } from '../../ui/toasts.tsx'

/** Between two looks while the page is seen. */
const LOOK_MS = 2_000

/** What the server says, asked again while the page is seen, and by the function that comes with it; null before the first answer. */
export function useLatest<Value>(load: () => Promise<Value>): readonly [Value | null, () => void] {
  const [value, setValue] = useState<Value | null>(null)
  const look = useCallback((): void => {
    load().then(setValue, toastError)
  }, [load])
  useEffect(() => {
    let isGone = false
    const quiet = (): void => {
      if (document.hidden) return
      // That the control plane is away is said by the banner.
      load().then(
        (found) => isGone || setValue(found),
        () => {},
      )
    }
    setValue(null)
    look()
    const timer = setInterval(quiet, LOOK_MS)
    return () => {
      isGone = true
      clearInterval(timer)
    }
  }, [load, look])
  return [value, look]
}
