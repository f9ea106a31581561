/** Which settings of Prosody (0.12) and of ejabberd (23.01) give what was found missing? `docs/servers.md` has them whole. */
import type { Subject } from './observation.ts'

export type Settings = { prosody: string; ejabberd: string }

export const SETTINGS: Partial<Record<Subject, Settings>> = {
  address: {
    prosody: 'serve /.well-known/host-meta.json with Access-Control-Allow-Origin: * ("http_files" can do it)',
    ejabberd: 'mod_host_meta, with its two paths among the request_handlers of ejabberd_http',
  },
  websocket: {
    prosody: '"websocket" in modules_enabled, https_ports and a certificate',
    ejabberd: 'a listener ejabberd_http with tls: true and /xmpp-websocket: ejabberd_http_ws; no websocket_origin',
  },
  'ways in': {
    prosody: 'a VirtualHost with authentication = "anonymous", or allow_registration = true',
    ejabberd:
      'auth_method: [anonymous] with anonymous_protocol: sasl_anon for a host, or mod_register with access: all',
  },
  sessions: {
    prosody: 'no setting: it has no such limit',
    ejabberd: 'shaper_rules: { max_user_sessions: infinity }',
  },
  relay: {
    prosody: 'nothing needs to be set: look for what blocks IQs between users',
    ejabberd: 'nothing needs to be set: look for what blocks IQs between users',
  },
  pace: {
    prosody: 'limits = { c2s = { rate = "1mb/s" } }, or no "limits" in modules_enabled',
    ejabberd:
      'shaper_rules: { c2s_shaper: … } faster: the shaper of the listener ejabberd_c2s is that of WebSockets, too',
  },
  presence: {
    prosody: '"roster" in modules_enabled',
    ejabberd: 'mod_roster: {}',
  },
  rooms: {
    prosody: 'Component "conference.DOMAIN" "muc" with muc_room_locking = false and restrict_room_creation = false',
    ejabberd: 'mod_muc: { access: all, access_create: all }',
  },
  'stun and turn': {
    prosody:
      '"turn_external" in modules_enabled, turn_external_host and turn_external_secret, turn_external_tcp = true',
    ejabberd: 'mod_stun_disco with access: all, and ejabberd_stun or a coturn that has its secret',
  },
  'stun answer': {
    prosody: 'turn_external_host has to be coturn’s name as the world sees it; UDP 3478 has to be open',
    ejabberd: 'turn_ipv4_address has to be as the world sees it; UDP 3478 has to be open',
  },
  resumption: {
    prosody: '"smacks" in modules_enabled, smacks_hibernation_time = 30',
    ejabberd: 'mod_stream_mgmt: { resume_timeout: 30 }',
  },
  limits: {
    prosody: 'c2s_stanza_size_limit = 262144',
    ejabberd: 'max_stanza_size: 262144 on the listener ejabberd_c2s',
  },
  'private storage': {
    prosody: '"private" in modules_enabled',
    ejabberd: 'mod_private: {}',
  },
}

export const SCRAM_SETTINGS: Settings = {
  prosody: 'authentication = "internal_hashed"',
  ejabberd: 'auth_method: [internal]; no SCRAM among disable_sasl_mechanisms',
}
