-- The names of the EMP framework and of IPbus that the payload uses, for simulation without the framework. Written for this
-- check from the public ports of payloads; not part of a release. Licence: that of trigger_lut (Apache-2.0).
library ieee;
use ieee.std_logic_1164.all;

package ipbus is
    type ipb_wbus is record
        ipb_strobe: std_logic;
    end record;
    type ipb_rbus is record
        ipb_ack: std_logic;
    end record;
    constant IPB_RBUS_NULL: ipb_rbus := (ipb_ack => '0');
end package ipbus;

library ieee;
use ieee.std_logic_1164.all;

package emp_data_types is
    constant LWORD_WIDTH: positive := 64;
    type lword is record
        data: std_logic_vector(LWORD_WIDTH - 1 downto 0);
        valid: std_logic;
        start: std_logic;
        start_of_orbit: std_logic;
        last: std_logic;
        strobe: std_logic;
    end record;
    type ldata is array (natural range <>) of lword;
    constant LWORD_NULL: lword := (
        data => (others => '0'), valid => '0', start => '0', start_of_orbit => '0', last => '0', strobe => '0'
    );
end package emp_data_types;

package emp_device_decl is
    constant N_REGION: positive := @regions@;
end package emp_device_decl;

library ieee;
use ieee.std_logic_1164.all;

package emp_ttc_decl is
    type ttc_stuff is record
        bc0: std_logic;
    end record;
    type ttc_stuff_array is array (natural range <>) of ttc_stuff;
end package emp_ttc_decl;
