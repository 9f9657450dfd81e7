-- The payload between flat buses, for simulation: of each used link data, then valid, start, last and start_of_orbit.
library ieee;
use ieee.std_logic_1164.all;
use work.ipbus.all;
use work.emp_data_types.all;
use work.emp_device_decl.all;
use work.emp_ttc_decl.all;

entity @adapter@ is
    port (
        clk: in std_logic;
        valid_in: in std_logic;
        data_in: in std_logic_vector(68 * @links@ - 1 downto 0);
        valid_out: out std_logic;
        data_out: out std_logic_vector(68 * @out_links@ downto 0)
    );
end entity @adapter@;

architecture simulation of @adapter@ is
    signal d, q: ldata(4 * N_REGION - 1 downto 0);
    signal ipb_in: ipb_wbus := (ipb_strobe => '0');
    signal ctrs: ttc_stuff_array(N_REGION - 1 downto 0) := (others => (bc0 => '0'));
    signal ipb_out: ipb_rbus;
    signal bc0: std_logic;
    signal gpio, gpio_en: std_logic_vector(29 downto 0);
begin
    process(all) begin
        for n in d'range loop
            -- links of others carry frames of their own
            d(n) <= (data => (others => '1'), valid => '1', start => '1', start_of_orbit => '1', last => '1', strobe => '1');
            if n >= @first_in@ and n < @first_in@ + @links@ then
                d(n).data <= data_in(68 * (n - @first_in@) + 63 downto 68 * (n - @first_in@));
                d(n).valid <= data_in(68 * (n - @first_in@) + 64);
                d(n).start <= data_in(68 * (n - @first_in@) + 65);
                d(n).last <= data_in(68 * (n - @first_in@) + 66);
                d(n).start_of_orbit <= data_in(68 * (n - @first_in@) + 67);
            end if;
        end loop;
    end process;
    payload: entity work.emp_payload port map (
        clk => clk, rst => '0', ipb_in => ipb_in, ipb_out => ipb_out, clk_payload => "000", rst_payload => "000",
        clk_p => clk, rst_loc => (N_REGION - 1 downto 0 => '0'), clken_loc => (N_REGION - 1 downto 0 => '1'), ctrs => ctrs,
        bc0 => bc0, d => d, q => q, gpio => gpio, gpio_en => gpio_en
    );
    valid_out <= '1';
    process(all)
        variable others_idle: std_logic;
    begin
        others_idle := '1';
        for n in q'range loop
            if n >= @first_out@ and n < @first_out@ + @out_links@ then
                data_out(68 * (n - @first_out@) + 63 downto 68 * (n - @first_out@)) <= q(n).data;
                data_out(68 * (n - @first_out@) + 64) <= q(n).valid;
                data_out(68 * (n - @first_out@) + 65) <= q(n).start;
                data_out(68 * (n - @first_out@) + 66) <= q(n).last;
                data_out(68 * (n - @first_out@) + 67) <= q(n).start_of_orbit;
            elsif q(n).valid /= '0' then
                others_idle := '0';
            end if;
        end loop;
        data_out(68 * @out_links@) <= others_idle;
    end process;
end architecture simulation;
