// Text formatting: fmt, compiled once (format.cc), so that headers stay light and the program links no shared
// library.
#pragma once

#include <fmt/format.h>
