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

  test('may tell of a DHT: how many values, held how often, and who crashes', () => {
    const { options } = parse('dht --values 500 --replicas 8 --crash-fraction 0.3')
    expect(options).toMatchObject({ values: 500, replicas: 8, crashFraction: 0.3, nodes: 200, minutes: 60 })
    expect(parse('crash --replicas 8').options).toMatchObject({ values: 1_000, replicas: 8, fraction: 0.3 })
    expect(parse('dht').options).toMatchObject({ values: 2_000, replicas: 6, crashFraction: 0 })
  })

  test('may say how many nodes the ring has that others live within', () => {
    expect(parse('subring --nodes 5 --public 60').options).toMatchObject({ nodes: 5, publicNodes: 60 })
    expect(parse('subring').options).toMatchObject({ nodes: 10, publicNodes: 200 })
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
    ['form --public 5', /--public means nothing to form/],
    ['form --values 5', /--values means nothing to form/],
    ['dht --replicas 0', /--replicas is a number from 1 to 32, and not “0”/],
    ['dht --replicas 2.5', /--replicas is a whole number/],
    ['dht --crash-fraction 2', /--crash-fraction is a number from 0 to 1/],
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
    for (const flag of [
      'nodes',
      'seed',
      'json',
      'latency',
      'no-tunnels',
      'median-session',
      'values',
      'crash-fraction',
    ]) {
      expect(simUsage()).toContain(`--${flag}`)
    }
  })
})
