#pragma once

#include <string>

namespace bertft {

/// What the Error that `work` throws says; "accepted" when it throws nothing.
template <class Error, class Work>
std::string message_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace bertft
