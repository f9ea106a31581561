import { describe, expect, test } from 'vitest'
import { SCENARIOS } from '../sim/scenarios.ts'
import { parseSim, SimOptionError, simUsage } from './sim-options.ts'

const parse = (words: string) => parseSim(words.split(' '), 42)

describe('the words behind `npm run sim --`', () => {
  test('are a scenario and its options, the others of which are its own defaults', () => {
    const { scenario, options, json } = parse('churn --nodes 50 --median-session 2.5 --loss 0.1 --json')
    expect({ scenario, json }).toEqual({ scenario: 'churn', json: true })
    expect(options).toMatchObject({ nodes: 50, medianSessionMinutes: 2.5, loss: 0.1, minutes: 60, seed: 42 })
  })

  test('may give the seed, the profile, and switches that turn off', () => {
    const { options } = parse('nontransitive --seed 7 --profile paper --no-tunnels --no-lookahead --shortcuts 3')
    expect(options).toMatchObject({ seed: 7, tunnels: false, lookahead: false, shortcuts: 3 })
    expect(options.profile.name).toBe('paper')
  })

  test('may name the kinds of NAT', () => {
    const { options } = parse('form --nats none,endpoint-independent/address-dependent')
    expect(options.nats).toEqual(['none', { mapping: 'endpoint-independent', filtering: 'address-dependent' }])
  })

  test.each([
    ['dance', /There is no scenario “dance”; there are form, hops/],
    ['toString', /There is no scenario “toString”/],
    ['form twice', /“twice” is one word too many/],
    ['form --nodes many', /--nodes is a number from 2 to 100000, and not “many”/],
    ['form --nodes 1', /--nodes is a number from 2/],
    ['form --nodes 2.5', /--nodes is a whole number/],
    ['form --nodes=', /--nodes is a number/],
    ['form --loss 1', /--loss is a number from 0 to 0.9/],
    ['form --profile fast', /--profile is modern or paper, and not “fast”/],
    ['form --nats cone', /--nats is a list of NAT kinds, and “cone” is none/],
    ['form --fraction 0.3', /--fraction means nothing to form, which takes --nodes --seed/],
    ['hops --latency 5', /--latency means nothing to hops/],
    ['form --colour', /--colour/],
    ['form --nodes', /--nodes/],
    ['--json', /Name a scenario: form, hops/],
  ])('are refused in a sentence: %s', (words, sentence) => {
    expect(() => parse(words)).toThrow(SimOptionError)
    expect(() => parse(words)).toThrow(sentence)
  })

  test('are told of by --help, every scenario and every option', () => {
    for (const name of Object.keys(SCENARIOS)) expect(simUsage()).toContain(name)
    for (const flag of ['nodes', 'seed', 'json', 'latency', 'no-tunnels', 'median-session']) {
      expect(simUsage()).toContain(`--${flag}`)
    }
  })
})
