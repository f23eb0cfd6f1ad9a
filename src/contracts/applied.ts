/**
 * Field of an answer over HTTP to a change that is stored, where some worker of the gateway has not applied it within two seconds. Without it, acknowledged means
 * routable.
 */
export const NOT_APPLIED_FIELD = ['x-backplane-applied', 'pending'] as const
