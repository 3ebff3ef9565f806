# Writes OUTPUT, a header with the commit of SOURCE, where it is not there already:
# cmake -DSOURCE=DIR -DOUTPUT=FILE -P revision.cmake
function(git_says variable)
  execute_process(COMMAND git -C ${SOURCE} ${ARGN} OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(${variable} ${text} PARENT_SCOPE)
endfunction()

file(REAL_PATH ${SOURCE} source)
set(revision unknown)
git_says(top rev-parse --show-toplevel)
if("${top}" STREQUAL "${source}")  # not the repository of another project, into which this one was unpacked
  git_says(revision describe --always --dirty)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "constexpr const char* kSourceRevision = \"${revision}\";\n")
