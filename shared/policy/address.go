package policy

import (
	"net/http"
	"net/netip"
	"strings"

	"puente/shared/problem"
)

// address holds the client's address, which record has read, against the lists.
func (e *Edge) address(x *Exchange) {
	client := x.peer
	if x.mode(Address) == Off {
		x.next()
		return
	}
	set := x.Settings.APIs[x.Route.API]
	denied := contains(x.Settings.deny, client) || contains(set.deny, client)
	listed := len(x.Settings.allow)+len(set.allow) > 0
	allowed := contains(x.Settings.allow, client) || contains(set.allow, client)
	var err error
	if denied || listed && !allowed {
		err = problem.Forbidden
	}
	if x.judge(Address, err) {
		x.next()
	}
}

// clientAddress is the address nearest to the client that a trusted proxy vouches for: the socket's,
// and that of X-Forwarded-For only if a listed proxy sent it.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := peer.Addr().Unmap()
	if !contains(trusted, address) {
		return address
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && contains(trusted, address); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = next.Unmap()
	}
	return address
}
