#include "proxy/loop.h"
