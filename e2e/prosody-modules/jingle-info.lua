-- google:jingleinfo, as Google Talk had it: of the user's own account, and not of the server.
local st = require "util.stanza"

module:hook("iq-get/self/google:jingleinfo:query", function (event)
	local port = tostring(module:get_option_number("turn_external_port"))
	event.origin.send(st.reply(event.stanza):tag("query", { xmlns = "google:jingleinfo" })
		:tag("stun"):tag("server", { host = module:get_option_string("turn_external_host"), udp = port }))
	return true
end)
