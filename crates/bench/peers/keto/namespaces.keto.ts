// The two roles of an account, as Mandate's built-in policy has them.
import { Namespace, Context } from "@ory/keto-namespace-types"

class User implements Namespace {}

class Account implements Namespace {
  related: {
    owner: User[]
    member: User[]
  }

  permits = {
    campaigns_view: (ctx: Context): boolean =>
      this.related.member.includes(ctx.subject) || this.related.owner.includes(ctx.subject),
    ownership_transfer: (ctx: Context): boolean => this.related.owner.includes(ctx.subject),
  }
}
