#pragma once

// The two ways to build a program with cliffracer. All files of one program use the same one.
//
//   header-only (default)   each file that includes a header of cliffracer generates the code that it needs
//   compiled once           CLIFFRACER_SEPARATE_COMPILATION is defined for all files, and one of them
//   includes
//                           <cliffracer/src.hpp>, or the program links the CMake target cliffracer::compiled

#ifdef CLIFFRACER_SEPARATE_COMPILATION
#define CLIFFRACER_DECL
#else
#define CLIFFRACER_DECL inline
#endif

// Files of both modes in one program break the one-definition rule. An absolute symbol has one value in each
// mode: linkers merge equal ones, and refuse a second value with an error that shows the name.
#ifdef __ELF__
#ifdef CLIFFRACER_SEPARATE_COMPILATION
#define CLIFFRACER_DETAIL_MODE "1"
#else
#define CLIFFRACER_DETAIL_MODE "2"
#endif
__asm__(
    ".globl cliffracer_is_header_only_in_one_file_and_compiled_once_in_another\n"
    ".hidden cliffracer_is_header_only_in_one_file_and_compiled_once_in_another\n"
    ".set cliffracer_is_header_only_in_one_file_and_compiled_once_in_another, " CLIFFRACER_DETAIL_MODE);
#undef CLIFFRACER_DETAIL_MODE
#endif
