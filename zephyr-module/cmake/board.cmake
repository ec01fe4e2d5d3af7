# Renode: the platform that the build's devicetree describes, and the firmware on it.

# castiron_add_renode_target([DTS <file>] [ELF <target or file>] [RULES <file>…] [RENODE_VERSION <version>] [ARGUMENTS …])
#
# Adds a target `run_renode` that writes the platform and a script from the devicetree
# (`castiron board-repl`), builds the firmware and starts Renode with it. In a Zephyr build of a board that
# has a target of this name already, this one is `castiron_run_renode`.
#
#   DTS, ELF    default: those of a Zephyr build. A target is built first; a file has to be there
#   RULES       further rules. Default: CONFIG_CASTIRON_RENODE_RULES
#   RENODE_VERSION   the version to write for. Default: CONFIG_CASTIRON_RENODE_VERSION, or the newest known
#   ARGUMENTS   of Renode. Default: --disable-xwt --port -2: no window, no monitor, the console UART in the log
#
# Renode is the program `renode` on PATH, or that of -DRENODE=….
function(castiron_add_renode_target)
  _castiron_parse(0 "" "DTS;ELF;RENODE_VERSION" "RULES;ARGUMENTS")
  set(wait_for)
  if(TARGET "${arg_ELF}")
    set(wait_for ${arg_ELF})
    set(arg_ELF $<TARGET_FILE:${arg_ELF}>)
  elseif(arg_ELF)
    cmake_path(ABSOLUTE_PATH arg_ELF BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} NORMALIZE)
  else()
    if(NOT KERNEL_ELF_NAME)
      _castiron_error("castiron_add_renode_target() does not know the firmware" "name its target or file with ELF")
    endif()
    set(arg_ELF ${CMAKE_BINARY_DIR}/zephyr/${KERNEL_ELF_NAME})
    set(wait_for ${logical_target_for_zephyr_elf})
  endif()
  if(NOT arg_ARGUMENTS)
    set(arg_ARGUMENTS --disable-xwt --port -2)
  endif()
  _castiron_unused_target(run run_renode)
  if(NOT run STREQUAL "run_renode")
    _castiron_unused_target(run castiron_run_renode)
    message(STATUS "castiron: run_renode is another target's name already; castiron's is ${run}")
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/castiron)
  _castiron_board_repl(${folder}/${run}.stamp
    OUTPUTS ${folder}/${run}.repl ${folder}/${run}.resc
    DTS ${arg_DTS} RENODE_VERSION ${arg_RENODE_VERSION} RULES ${arg_RULES}
    OPTIONS --output ${folder}/${run}.repl --resc ${folder}/${run}.resc --elf ${arg_ELF})
  find_program(RENODE renode DOC "Renode, to simulate the board" NO_CMAKE_FIND_ROOT_PATH)
  if(RENODE)
    set(start ${RENODE} ${arg_ARGUMENTS} ${folder}/${run}.resc)
  else()
    set(start ${CMAKE_COMMAND} -DCAUSE=Renode\ was\ not\ found\ on\ PATH
      "-DREMEDY=install it from https://renode.io and configure the build again, or give its path with -DRENODE=…"
      -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/fail.cmake)
  endif()
  add_custom_target(${run}
    COMMAND ${start}
    DEPENDS ${folder}/${run}.stamp ${wait_for}
    USES_TERMINAL VERBATIM
    COMMENT "castiron: simulating in Renode")
endfunction()

# Runs `castiron board-repl` with OPTIONS when the devicetree or the rules have changed.
function(_castiron_board_repl stamp)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "DTS;RENODE_VERSION" "OUTPUTS;RULES;OPTIONS")
  if(NOT arg_DTS)
    set(arg_DTS ${ZEPHYR_DTS})
    if(NOT arg_DTS)
      _castiron_error("the board's devicetree is not known" "name a flattened one with DTS")
    endif()
  endif()
  if(NOT arg_RENODE_VERSION)
    set(arg_RENODE_VERSION ${CONFIG_CASTIRON_RENODE_VERSION})
  endif()
  if(NOT arg_RULES AND CONFIG_CASTIRON_RENODE_RULES)
    separate_arguments(arg_RULES UNIX_COMMAND ${CONFIG_CASTIRON_RENODE_RULES})
  endif()
  _castiron_absolute(arg_DTS arg_RULES)
  _castiron_check_file(devicetree ${arg_DTS})
  _castiron_check_file("file of rules" ${arg_RULES})
  _castiron_options(options RENODE_VERSION)
  foreach(file IN LISTS arg_RULES)
    list(APPEND options --rules ${file})
  endforeach()
  _castiron_command(
    STAMP ${stamp}
    OUTPUTS ${arg_OUTPUTS}
    ARGUMENTS board-repl ${arg_DTS} ${options} ${arg_OPTIONS}
    DEPENDS ${arg_DTS} ${arg_RULES}
    COMMENT "Renode platform")
endfunction()
