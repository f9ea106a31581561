/**
 * Is it the page's own policy (see index.html) that keeps it from a service? A blocked connection looks like one that
 * nobody answers, and waiting would not help.
 */
import { OvertureError } from '../overture-error.ts'

/** What an attempt to speak to this service comes to; an attempt that the policy has stopped is said to be one. */
export async function withinPolicy<Result>(service: string, attempt: () => Promise<Result>): Promise<Result> {
  let isStopped = false
  const note = ({ effectiveDirective, blockedURI }: SecurityPolicyViolationEvent) => {
    isStopped ||= effectiveDirective === 'connect-src' && /^(ws|http):/.test(blockedURI)
  }
  document.addEventListener('securitypolicyviolation', note)
  try {
    return await attempt()
  } catch (error) {
    throw isStopped ? OvertureError.unencrypted(service) : error
  } finally {
    document.removeEventListener('securitypolicyviolation', note)
  }
}
