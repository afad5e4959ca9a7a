// Empty: with a file of assembly the compiler lets functions of other packages be
// declared without a body.
