-- Payload of the EMP framework: @name@ on its links. Other versions of the framework add ports, such as clk40 and those of
-- slink: add them here. Nothing else depends on them.
library ieee;
use ieee.std_logic_1164.all;
use work.ipbus.all;
use work.emp_data_types.all;
use work.emp_device_decl.all;
use work.emp_ttc_decl.all;

entity emp_payload is
    port (
        clk: in std_logic;
        rst: in std_logic;
        ipb_in: in ipb_wbus;
        ipb_out: out ipb_rbus;
        clk_payload: in std_logic_vector(2 downto 0);
        rst_payload: in std_logic_vector(2 downto 0);
        clk_p: in std_logic;
        rst_loc: in std_logic_vector(N_REGION - 1 downto 0);
        clken_loc: in std_logic_vector(N_REGION - 1 downto 0);
        ctrs: in ttc_stuff_array;
        bc0: out std_logic;
        d: in ldata(4 * N_REGION - 1 downto 0);
        q: out ldata(4 * N_REGION - 1 downto 0);
        gpio: out std_logic_vector(29 downto 0);
        gpio_en: out std_logic_vector(29 downto 0)
    );
end entity emp_payload;

architecture rtl of emp_payload is
begin
    network: entity work.@name@ port map (clk => clk_p, d => d, q => q);
    ipb_out <= IPB_RBUS_NULL;
    bc0 <= '0';
    gpio <= (others => '0');
    gpio_en <= (others => '0');
end architecture rtl;
