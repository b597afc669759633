# The engine as an IP core, with Vitis HLS 2021.1 or newer. Untested here: the project is made without Xilinx's tools.
#
#   vitis_hls -f hls.tcl                                    # 150 MHz, for the XC7Z020-1
#   CLOCK_MHZ=100 vitis_hls -f hls.tcl
#   MASKS=0 vitis_hls -f hls.tcl                            # without the masks' logic, to compare areas; no use else
#
# Writes build/z7020/hls_CLOCK[_dense]/: the core in solution/impl/ip, its reports in solution/syn/report.
set here [file dirname [file normalize [info script]]]
set root [file normalize $here/../../..]
set clock [expr {[info exists ::env(CLOCK_MHZ)] ? $::env(CLOCK_MHZ) : 150}]
set masks [expr {![info exists ::env(MASKS)] || $::env(MASKS)}]
set name hls_${clock}[expr {$masks ? "" : "_dense"}]
set flags "-std=c++14 -I$root -DAUTOMASK_AP_INT[expr {$masks ? "" : " -DAUTOMASK_WITHOUT_MASKS"}]"

file mkdir $root/build/z7020
cd $root/build/z7020
open_project -reset $name
set_top automask_z7020
foreach source [lsort [glob $root/hw_targets/z7020/hls/*.cpp]] {
  add_files $source -cflags $flags
}
open_solution -reset solution -flow_target vivado
set_part xc7z020clg484-1
create_clock -period [expr {1000.0 / $clock}] -name default
# Addresses of 32 bits, so that each takes one register (hls/registers.h). Bursts of 64 beats; reads wait for DDR as long
# as the boards' profiles assume.
config_interface -m_axi_addr64=0
config_interface -m_axi_max_read_burst_length 64 -m_axi_max_write_burst_length 64 -m_axi_latency 40
# Small arrays (filters, parameters, tables) in LUTs, the others in block RAM, as resources.cpp counts them.
config_storage auto -auto_srl_max_bits 1024
csynth_design
export_design -format ip_catalog -vendor automask -library hls -version 2.0 -display_name "AutoMask Z7020 engine"
exit
