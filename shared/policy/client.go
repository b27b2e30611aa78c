package policy

import (
	"puente/shared/access"
	"puente/shared/problem"
)

// client looks the token's client up in the access snapshot: it must be registered, active,
// hold an approved contract for this API and call from one of its addresses, where it has a list.
func (e *Edge) client(x *Exchange) {
	if x.mode(Client) == Off {
		x.next()
		return
	}
	if x.judge(Client, contractFault(x)) {
		x.next()
	}
}

func contractFault(x *Exchange) error {
	client, ok := x.Access.Client(x.Principal.Client)
	if !ok {
		return problem.Errorf(problem.Forbidden, "the client is not registered")
	}
	x.Client = client // what comes later judges by it, in shadow too
	if client.Status != access.Active {
		return problem.Errorf(problem.Forbidden, "the client is not active")
	}
	contract, ok := client.Contract(x.Route.API)
	if !ok || contract.Status != access.Approved {
		return problem.Errorf(problem.Forbidden, "the client holds no approved contract for this API")
	}
	if !client.From(x.peer) {
		return problem.Errorf(problem.Forbidden, "the address is not one of the client's")
	}
	return nil
}
