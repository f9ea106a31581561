/**
 * Where do the controls' own icons come from? From `icons.svg` beside the page. Web Awesome's would be parsed out of
 * text, which the page's policy (see index.html) allows nobody.
 */
import { registerIconLibrary } from '@awesome.me/webawesome/dist/components/icon/library.js'

export function useOwnIcons(): void {
  registerIconLibrary('system', { resolver: (name) => `icons.svg#${name}`, spriteSheet: true })
}
