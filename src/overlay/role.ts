/** The part that a connection plays in the ring. A set of roles travels as one byte. */
export const ROLES = ['leaf', 'near', 'shortcut', 'on-demand', 'overlap'] as const
export type Role = (typeof ROLES)[number]

export type RoleBits = number & { readonly __roles: true }

export const NO_ROLES = 0 as RoleBits
export const LEAF = 1 as RoleBits
export const NEAR = 2 as RoleBits
export const SHORTCUT = 4 as RoleBits
export const ON_DEMAND = 8 as RoleBits
/** Made to have a neighbour in common, over whom a tunnel can go. */
export const OVERLAP = 16 as RoleBits
/** Links that packets are routed over; a leaf only hands us over to somebody else's ring. */
export const STRUCTURED = (NEAR | SHORTCUT | ON_DEMAND | OVERLAP) as RoleBits
export const ALL_ROLES = (LEAF | STRUCTURED) as RoleBits

export function hasRole(roles: RoleBits, role: RoleBits): boolean {
  return (roles & role) !== 0
}

export function withRole(roles: RoleBits, role: RoleBits): RoleBits {
  return (roles | role) as RoleBits
}

export function withoutRole(roles: RoleBits, role: RoleBits): RoleBits {
  return (roles & ~role) as RoleBits
}

export function rolesIn(roles: RoleBits): Role[] {
  return ROLES.filter((_, index) => roles & (1 << index))
}
