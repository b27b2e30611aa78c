package contract

// Limits bound a JSON text whatever its schema says. A zero field means its default.
type Limits struct {
	Depth   int // of nested objects and arrays; default 32
	Members int // of one object; default 1,000
	Items   int // of one array; default 10,000
	String  int // bytes of one string or name as written, without quotes; default 1 MiB
}

func (l Limits) orDefaults() Limits {
	return Limits{
		Depth:   orDefault(l.Depth, 32),
		Members: orDefault(l.Members, 1_000),
		Items:   orDefault(l.Items, 10_000),
		String:  orDefault(l.String, 1<<20),
	}
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
