package database

// OrZero is *p, or the zero value where there is none. Arrays of parameters have no NULL in sqlc's types: their
// elements are the zero value instead, which the query reads by nullif.
func OrZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
