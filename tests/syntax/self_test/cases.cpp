// One case that passes the check and four faults that it must find.
#ifdef CASE_is_refused
static_assert(sizeof(char) == 2, "a char has one byte");  // error: a char has one byte
#endif

#ifdef CASE_compiles
static_assert(sizeof(char) == 1, "a char has one byte");  // error: a char has one byte
#endif

#ifdef CASE_says_something_else
static_assert(sizeof(char) == 2, "a char has one byte");  // error: a char has two bytes
#endif

#ifdef CASE_says_nothing
static_assert(sizeof(char) == 2, "a char has one byte");
#endif

#if !defined(CASE_is_refused) && !defined(CASE_compiles) && !defined(CASE_says_something_else) && \
    !defined(CASE_says_nothing)
#error "the control does not compile"
#endif
