# cmake -DCXX=... -DFLAGS=<response file> -DSOURCE=... -DCASE=<name or empty> -P check.cmake
# CMakeLists.txt beside this file says what is checked.

set(command "${CXX}" -std=c++20 -fsyntax-only "@${FLAGS}" "${SOURCE}")
if(CASE)
  list(INSERT command 1 "-DCASE_${CASE}")
endif()
execute_process(COMMAND ${command} RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)

if(NOT CASE)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${SOURCE} must compile without a case:\n${said}")
  endif()
  return()
endif()

# What the case expects. Semicolons and brackets mean something in CMake's lists, so the text is walked as a whole.
file(READ "${SOURCE}" text)
string(REGEX MATCH "#ifdef CASE_${CASE}[ \n].*" text "${text}")
string(FIND "${text}" "\n#endif" end)
string(SUBSTRING "${text}" 0 ${end} text)

if(result EQUAL 0)
  message(FATAL_ERROR "${CASE} compiles, and must not:\n${text}")
endif()
# The compiler quotes the offending line, and with it the comment that says what is expected: that does not count.
string(REGEX REPLACE "[^\n]*// error: [^\n]*" "" said "${said}")
# Identifiers are quoted in two ways, depending on the locale.
string(REGEX REPLACE "‘|’" "'" said "${said}")

set(marker "// error: ")
string(LENGTH "${marker}" marker_length)
set(expected 0)
string(FIND "${text}" "${marker}" position)
while(NOT position EQUAL -1)
  math(EXPR position "${position} + ${marker_length}")
  string(SUBSTRING "${text}" ${position} -1 text)
  string(FIND "${text}" "\n" end)
  string(SUBSTRING "${text}" 0 ${end} wanted)
  string(STRIP "${wanted}" wanted)
  math(EXPR expected "${expected} + 1")
  string(FIND "${said}" "${wanted}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "${CASE} is refused, but the compiler does not say \"${wanted}\":\n${said}")
  endif()
  string(FIND "${text}" "${marker}" position)
endwhile()
if(expected EQUAL 0)
  message(FATAL_ERROR "${CASE} expects no text: put `// error: <text>` beside the offending line")
endif()
