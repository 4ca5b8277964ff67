# cmake -DSOURCE=… -DOUTPUT=… -P commit.cmake: writes which revision of the sources is being built, when that has changed.
set(commit "")
set(built "")
find_package(Git QUIET)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} log -1 --format=%h%n%cI OUTPUT_VARIABLE log ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    string(REGEX MATCH "^([^\n]*)\n([^\n]*)" _ "${log}")
    set(commit "${CMAKE_MATCH_1}")
    set(built "${CMAKE_MATCH_2}")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[// Generated: the revision of the sources, and its date.
#pragma once

namespace fulcrum {
inline constexpr char kCommit[] = "@commit@";
inline constexpr char kCommitDate[] = "@built@";
}
]] @ONLY)
