# Libraries from Debian or Ubuntu (third_party/debian-packages.txt). A missing one is named with
# the command that installs it.
function(bertft_require package debian_package)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "${package} was not found. Install it with\n"
      "  apt-get install ${debian_package}\nor run scripts/setup.sh, which installs all of them.")
  endif()
endfunction()

bertft_require(nlohmann_json nlohmann-json3-dev)  # MIT
bertft_require(yaml-cpp libyaml-cpp-dev)          # MIT
bertft_require(fmt libfmt-dev)                    # MIT
bertft_require(spdlog libspdlog-dev)              # MIT
bertft_require(CLI11 libcli11-dev)                # BSD-3-Clause
bertft_require(OpenSSL libssl-dev)                # Apache-2.0; libcrypto for SHA-256 only
bertft_require(Threads libc6-dev)
if(BERTFT_BUILD_TESTS)
  bertft_require(GTest libgtest-dev)              # BSD-3-Clause
endif()

find_path(UTF8PROC_INCLUDE_DIR utf8proc.h)        # MIT; Debian ships no CMake config
find_library(UTF8PROC_LIBRARY utf8proc)
if(NOT UTF8PROC_INCLUDE_DIR OR NOT UTF8PROC_LIBRARY)
  message(FATAL_ERROR "utf8proc was not found. Install it with\n  apt-get install libutf8proc-dev")
endif()
add_library(utf8proc::utf8proc UNKNOWN IMPORTED)
set_target_properties(utf8proc::utf8proc PROPERTIES
  IMPORTED_LOCATION ${UTF8PROC_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${UTF8PROC_INCLUDE_DIR})

find_path(SENTENCEPIECE_INCLUDE_DIR sentencepiece_processor.h)  # Apache-2.0; Debian ships no CMake config
find_library(SENTENCEPIECE_LIBRARY sentencepiece)               # libsentencepiece_train stays out
if(NOT SENTENCEPIECE_INCLUDE_DIR OR NOT SENTENCEPIECE_LIBRARY)
  message(FATAL_ERROR "sentencepiece was not found. Install it with\n  apt-get install libsentencepiece-dev")
endif()
add_library(sentencepiece::sentencepiece UNKNOWN IMPORTED)
set_target_properties(sentencepiece::sentencepiece PROPERTIES
  IMPORTED_LOCATION ${SENTENCEPIECE_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${SENTENCEPIECE_INCLUDE_DIR})

if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)  # 0.7 has the plain name only
endif()
