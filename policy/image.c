#include "policy/image.h"
