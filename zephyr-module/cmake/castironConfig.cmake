# find_package(castiron), with -Dcastiron_DIR=<checkout>/zephyr-module/cmake.

cmake_minimum_required(VERSION 3.20)
include(${CMAKE_CURRENT_LIST_DIR}/castiron.cmake)
