// Catch2 2 brings no main of its own that is built for C++20.
#define CATCH_CONFIG_MAIN
#include "catch.hpp"
