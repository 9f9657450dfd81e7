# @title@ as an IP for Vivado (IP-XACT): vivado -mode batch -source package_ip.tcl, in this folder.
# The catalog entry is @vendor@:@library@:@name@:@version@, in the folder ip.
set name @name@
create_project -in_memory -part @part@
add_files [list \
@files@
]
set_property top $name [current_fileset]
update_compile_order -fileset sources_1
ipx::package_project -root_dir ip -vendor @vendor@ -library @library@ -taxonomy /UserIP -import_files -force
set core [ipx::current_core]
set_property name $name $core
set_property version @version@ $core
set_property display_name @display@ $core
set_property description @description@ $core
ipx::infer_bus_interfaces xilinx.com:interface:axis_rtl:1.0 $core
foreach bus {s_axis m_axis} {
    ipx::associate_bus_interfaces -busif $bus -clock aclk $core
}
ipx::associate_bus_interfaces -clock aclk -reset aresetn $core
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core
close_project
exit
