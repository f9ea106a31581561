import { expect, test } from 'vitest'
import { warningsIn } from './warnings.ts'

test.each([
  [{ 'signalling: forged stanza': 1 }, /changed on the way once\. No link was made of it\. .* another XMPP service/],
  [{ 'webrtc proof: refused, other-channel': 1, 'webrtc proof: other-channel': 1 }, /changed on the way twice\./],
  [{ 'xmpp proof: wrong-secret': 3 }, /another secret 3 times.* needs the whole link/],
  [{ 'xmpp proof: frame forged': 1 }, /arrived changed once\. It was not read/],
  [{ 'tunnel proof: refused, bad-proof': 1 }, /arrived changed once\./],
  [{ 'link: refused, forged-address': 1 }, /pretended to be somebody else once, and was not believed/],
  [{ 'broadcast: forged': 1, 'packet: forged source': 1 }, /pretended to be somebody else twice/],
  [{ 'flood: link dropped': 1 }, /more than their share once/],
])('what was refused is said in words: %o', (counters, sentence) => {
  expect(warningsIn(counters)).toEqual([expect.stringMatching(sentence)])
})

test('what happens in any ring is no warning', () => {
  const counters = {
    'stream: repeated': 9,
    'link failed: busy': 1,
    'xmpp proof: refused, busy': 1,
    'frame: unreadable': 1,
    'flood: own broadcast': 2,
  }
  expect(warningsIn(counters)).toEqual([])
})
