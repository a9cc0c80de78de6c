// Calls into image libraries whose errors leave by longjmp, wrapped so that they return instead.
#pragma once
#include "pb_image_decode.h"
#include "pb_jpeg_encode.h"
#include "pb_png_encode.h"
