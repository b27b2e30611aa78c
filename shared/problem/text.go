package problem

// Text is what callers are told of a result code: a row of the typologies, its placeholders filled.
// A null stays null, and an empty text empty.
type Text struct {
	Status  int     // of HTTP
	Detail  *string // errorDetailCode
	Message *string // errorMessage
	User    *string // errorMessageUser
}
