/**
 * Warnings: what has the ring met with that a person should know of, in words that say what came of it and what to do?
 * Each follows from counters of the snapshot; what those count was refused already.
 */

type Warning = { counters: RegExp; sentence: (times: string) => string }

const WARNINGS: readonly Warning[] = [
  {
    counters: /^(signalling: forged stanza|signal: forged|signal: unsigned|\w+ proof: (refused, )?other-channel)$/,
    sentence: (times) =>
      `What two said to each other to make a direct link was changed on the way ${times}. No link was made of it. If it goes on, choose another XMPP service for this space.`,
  },
  {
    counters: /^\w+ proof: (refused, )?wrong-secret$/,
    sentence: (times) =>
      `Somebody came with another secret ${times}, and stayed outside. Who should be here needs the whole link, up to its last character.`,
  },
  {
    counters: /^\w+ proof: (frame (forged|missing|replayed)|(refused, )?bad-proof)$/,
    sentence: (times) =>
      `What others carry for this page arrived changed ${times}. It was not read, and the link was made anew. If it goes on, choose another XMPP service for this space.`,
  },
  {
    counters: /^(link: refused, forged-address|packet: forged source|broadcast: forged)$/,
    sentence: (times) => `Somebody in this space pretended to be somebody else ${times}, and was not believed.`,
  },
  {
    counters: /^flood: (?!own )/,
    sentence: (times) =>
      `Somebody in this space asked for more than their share ${times}, and was kept waiting or left out.`,
  },
]

export function warningsIn(counters: Readonly<Record<string, number>>): string[] {
  return WARNINGS.flatMap(({ counters: pattern, sentence }) => {
    let count = 0
    for (const [name, value] of Object.entries(counters)) if (pattern.test(name)) count += value
    return count === 0 ? [] : [sentence(count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`)]
  })
}
