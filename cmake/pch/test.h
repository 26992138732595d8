// common.h, and what every test includes.
#ifdef __cplusplus
#include "common.h"

#include <gtest/gtest.h>
#endif
