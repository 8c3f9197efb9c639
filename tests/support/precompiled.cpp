// Where support/precompiled.hpp is parsed.
