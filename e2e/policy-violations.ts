/** PolicyViolations: what a page's policy has stopped in all pages of a context, gathered from before they begin. */
import type { BrowserContext } from '@playwright/test'

export async function gatherViolations(context: BrowserContext): Promise<string[]> {
  const violations: string[] = []
  await context.exposeFunction('reportViolation', (violation: string) => violations.push(violation))
  await context.addInitScript(() => {
    const { reportViolation } = window as unknown as { reportViolation(violation: string): void }
    document.addEventListener('securitypolicyviolation', (event) =>
      reportViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`),
    )
  })
  return violations
}
