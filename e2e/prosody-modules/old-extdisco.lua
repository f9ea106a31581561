-- XEP-0215 before its version 0.7, as some servers still speak it: names a TURN server, and its credentials only when
-- they are asked for.
local st = require "util.stanza"
local hashes = require "util.hashes"
local base64 = require "util.encodings".base64

local xmlns = "urn:xmpp:extdisco:1"
local place = {
	type = "turn";
	host = module:get_option_string("turn_external_host");
	port = tostring(module:get_option_number("turn_external_port"));
	transport = "udp";
}

module:hook("iq-get/host/" .. xmlns .. ":services", function (event)
	local reply = st.reply(event.stanza):tag("services", { xmlns = xmlns })
	local service = { restricted = "true" }
	for name, value in pairs(place) do service[name] = value end
	event.origin.send(reply:tag("service", service))
	return true
end)

module:hook("iq-get/host/" .. xmlns .. ":credentials", function (event)
	local wanted = event.stanza.tags[1]:get_child("service")
	if not wanted or wanted.attr.host ~= place.host or wanted.attr.port ~= place.port then
		event.origin.send(st.error_reply(event.stanza, "cancel", "item-not-found"))
		return true
	end
	local username = tostring(os.time() + 600)
	local password = base64.encode(hashes.hmac_sha1(module:get_option_string("turn_external_secret"), username))
	local service = { username = username, password = password }
	for name, value in pairs(place) do service[name] = value end
	event.origin.send(st.reply(event.stanza):tag("credentials", { xmlns = xmlns }):tag("service", service))
	return true
end)
