# Flags travel on these targets; third-party code never sees them.
add_library(srt_flags INTERFACE)
target_include_directories(srt_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(srt_features _GNU_SOURCE)
else()
  set(srt_features _DARWIN_C_SOURCE)
endif()

function(srt_try_flags)
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" var)
    check_c_compiler_flag("-Werror ${flag}" ${var})
    if(${var})
      target_compile_options(srt_flags INTERFACE ${flag})
    endif()
  endforeach()
endfunction()

target_compile_options(srt_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
  -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings -Wundef -Wvla
  -Walloca -Wformat=2 -Wimplicit-fallthrough -Wnull-dereference
  -Wdouble-promotion -Wdate-time)
srt_try_flags(
  -Wno-format-truncation
  -Wmissing-variable-declarations -Wformat-signedness -Wduplicated-cond
  -Wduplicated-branches -Wrestrict -Wjump-misses-init
  -Wtrampolines -Wbidi-chars=any -Wcomma -Wconditional-uninitialized)
if(CMAKE_C_COMPILER_ID MATCHES Clang) # looks into the macros of system headers
  target_compile_options(srt_flags INTERFACE -Wno-cast-align -Wno-cast-qual)
endif()
if(SRT_WERROR)
  target_compile_options(srt_flags INTERFACE -Werror)
endif()

if(SRT_FUZZ)
  set(SRT_SANITIZE address,undefined)
  target_compile_options(srt_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SRT_SANITIZE)
  target_compile_options(srt_flags INTERFACE -fsanitize=${SRT_SANITIZE}
    -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1)
  target_link_options(srt_flags INTERFACE -fsanitize=${SRT_SANITIZE})
else()
  # Debian's gcc may predefine _FORTIFY_SOURCE; undefine first.
  target_compile_options(srt_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
    $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
endif()
srt_try_flags(
  -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
  -mbranch-protection=standard -ftrivial-auto-var-init=zero
  -fstrict-flex-arrays=3 -fno-delete-null-pointer-checks
  -fno-strict-overflow -fno-strict-aliasing)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  target_link_options(srt_flags INTERFACE -Wl,-z,relro -Wl,-z,now
    -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--as-needed)
endif()

# What only product code gets: features of the system and the banned calls.
add_library(srt_product INTERFACE)
target_compile_definitions(srt_product INTERFACE ${srt_features})
target_compile_options(srt_product INTERFACE
  -include ${CMAKE_SOURCE_DIR}/base/banned.h)

# srt-init: no PIE, so that it starts without relocating itself.
add_library(srt_init_flags INTERFACE)
target_link_libraries(srt_init_flags INTERFACE srt_flags srt_product)
if(NOT SRT_SANITIZE)
  target_link_options(srt_init_flags INTERFACE -static -no-pie)
endif()
