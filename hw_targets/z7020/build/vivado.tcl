# Bitstream for a board, with Vivado of the same version as hls.tcl's. Untested here: the project is made without it.
#
#   vivado -mode batch -source vivado.tcl -tclargs zedboard          # or pynq_z2; the clock of hls.tcl: 150
#   vivado -mode batch -source vivado.tcl -tclargs pynq_z2 100
#
# Writes build/z7020/BOARD_CLOCK/: automask_z7020.bit, automask_z7020.bin (for Linux's FPGA manager), timing.txt,
# utilisation.txt. A clock counts only where timing.txt says that it is met.
set here [file dirname [file normalize [info script]]]
set root [file normalize $here/../../..]
set board [lindex $argv 0]
set clock [expr {[llength $argv] > 1 ? [lindex $argv 1] : 150}]
switch $board {
  zedboard { set part xc7z020clg484-1; set preset {em.avnet.com:zed:part0:*} }
  pynq_z2 { set part xc7z020clg400-1; set preset {tul.com.tw:pynq-z2:part0:*} }
  default { error "vivado.tcl: the board is zedboard or pynq_z2, not \"$board\"" }
}
set core $root/build/z7020/hls_$clock/solution/impl/ip
if {![file isdirectory $core]} { error "vivado.tcl: $core is not there; run hls.tcl with CLOCK_MHZ=$clock first" }

set out $root/build/z7020/${board}_$clock
create_project -force automask_z7020 $out/project -part $part
# DDR's timing and pins of the processors come from the board's files (Avnet's and TUL's, in Vivado's board store).
set parts [get_board_parts -quiet $preset]
if {[llength $parts] == 0} { error "vivado.tcl: no board files match $preset; install them from Vivado's board store" }
set_property board_part [lindex $parts end] [current_project]
set_property ip_repo_paths $core [current_project]
update_ip_catalog

create_bd_design design_1
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 ps]
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 -config {make_external "FIXED_IO, DDR" apply_board_preset "1"} $ps
set_property -dict [list \
  CONFIG.PCW_USE_M_AXI_GP0 1 \
  CONFIG.PCW_USE_S_AXI_HP0 1 CONFIG.PCW_USE_S_AXI_HP1 1 CONFIG.PCW_USE_S_AXI_HP2 1 CONFIG.PCW_USE_S_AXI_HP3 1 \
  CONFIG.PCW_S_AXI_HP0_DATA_WIDTH 64 CONFIG.PCW_S_AXI_HP1_DATA_WIDTH 64 \
  CONFIG.PCW_S_AXI_HP2_DATA_WIDTH 64 CONFIG.PCW_S_AXI_HP3_DATA_WIDTH 64 \
  CONFIG.PCW_EN_CLK0_PORT 1 CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $clock \
  CONFIG.PCW_USE_FABRIC_INTERRUPT 1 CONFIG.PCW_IRQ_F2P_INTR 1] $ps
set engine [create_bd_cell -type ip -vlnv automask:hls:automask_z7020 engine]
apply_bd_automation -rule xilinx.com:bd_rule:axi4 -config "Master /ps/M_AXI_GP0 Clk /ps/FCLK_CLK0" \
  [get_bd_intf_pins engine/s_axi_control]
for {set port 0} {$port < 4} {incr port} {
  apply_bd_automation -rule xilinx.com:bd_rule:axi4 -config "Master /engine/m_axi_hp$port Clk /ps/FCLK_CLK0" \
    [get_bd_intf_pins ps/S_AXI_HP$port]
}
connect_bd_net [get_bd_pins engine/interrupt] [get_bd_pins ps/IRQ_F2P]
# Where the overlay expects the registers.
set_property offset 0x43C00000 [get_bd_addr_segs ps/Data/SEG_engine_Reg]
set_property range 4K [get_bd_addr_segs ps/Data/SEG_engine_Reg]
validate_bd_design
save_bd_design
set wrapper [make_wrapper -files [get_files design_1.bd] -top]
add_files -norecurse $wrapper
set_property top design_1_wrapper [current_fileset]

launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
open_run impl_1
report_timing_summary -file $out/timing.txt
report_utilization -hierarchical -file $out/utilisation.txt
if {[get_property SLACK [get_timing_paths -max_paths 1 -setup]] < 0} {
  error "vivado.tcl: $clock MHz is not met, see $out/timing.txt; build for a lower clock"
}
file copy -force $out/project/automask_z7020.runs/impl_1/design_1_wrapper.bit $out/automask_z7020.bit
# Words as the FPGA manager wants them.
write_cfgmem -force -format BIN -interface SMAPx32 -disablebitswap -loadbit "up 0x0 $out/automask_z7020.bit" \
  $out/automask_z7020.bin
