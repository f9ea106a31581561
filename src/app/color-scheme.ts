/** Dark or light? As the system says, at each moment; Web Awesome wants a class on the root for it. */
export function followColorScheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const apply = () => {
    document.documentElement.classList.toggle('wa-dark', dark.matches)
    document.documentElement.classList.toggle('wa-light', !dark.matches)
  }
  dark.addEventListener('change', apply)
  apply()
}
