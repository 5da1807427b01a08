#include "czk.h"
