/**
 * Files of packages that are imported by path, because the package's main file lacks something: simple-peer's needs
 * shims in a page, and sdp's types promise named exports that its CommonJS does not give to Node.
 */
declare module 'simple-peer/simplepeer.min.js' {
  import SimplePeer from 'simple-peer'

  export default SimplePeer
}

declare module 'sdp/sdp.js' {
  import * as sdp from 'sdp'

  export default sdp
}
