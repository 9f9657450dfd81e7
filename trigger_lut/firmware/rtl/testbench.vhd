-- @name@: checks @top@ with @vectors@ vectors. In this folder, after analysing the design's files in the order of project.json:
--
--   $ ghdl -a --std=08 @name@.vhd && ghdl -r --std=08 @name@ --ieee-asserts=disable
--
-- A line of the file of vectors is data_in and the expected data_out in hexadecimal, @hex_in@ and @hex_out@ digits;
-- the generic `file_of_vectors` names another one (GHDL: -gfile_of_vectors=FILE).
library ieee;
use ieee.std_logic_1164.all;
use std.textio.all;

entity @name@ is
    generic (file_of_vectors: string := "@name@.mem");
end entity @name@;

architecture simulation of @name@ is
    constant count: positive := @vectors@;
    constant latency: positive := @latency@;  -- cycles from valid_in to valid_out
    constant interval: positive := @ii@;  -- cycles from one vector to the next, at least
    constant after_last: positive := latency + 16;  -- cycles after the last vector
    constant half_period: time := @half_period@ ns;
    type memory is array (0 to count - 1) of std_logic_vector(4 * @hex_both@ - 1 downto 0);
    type numbers is array (0 to count - 1) of natural;
    signal clk, valid_in, valid_out: std_logic := '0';
    signal data_in: std_logic_vector(@bits_in@ - 1 downto 0) := (others => '0');
    signal data_out: std_logic_vector(@bits_out@ - 1 downto 0);
begin
    device: entity work.@top@ port map (clk, valid_in, data_in, valid_out, data_out);

    process
        file source: text open read_mode is file_of_vectors;
        variable given: line;
        variable good: boolean;
        variable vectors: memory;
        variable entered: numbers;  -- cycle of each vector
        variable random: std_logic_vector(31 downto 0) := x"2545f491";
        variable valid: boolean;
        variable sent, received, differences, first, cycle: natural := 0;
        variable data: std_logic_vector(@bits_in@ - 1 downto 0);
        variable found, expected, wanted: std_logic_vector(@bits_out@ - 1 downto 0);

        procedure fail_cycle is
        begin
            report "FAIL: cycle " & to_string(cycle) & ": valid_out is " & to_string(valid_out) & " with "
                & to_string(sent) & " vectors in and " & to_string(received) & " out, expected latency "
                & to_string(latency) & " cycles" severity failure;
        end procedure;
    begin
        for n in vectors'range loop
            good := not endfile(source);
            if good then
                readline(source, given);
                hread(given, vectors(n), good);
            end if;
            assert good
                report "FAIL: " & file_of_vectors & ": expected " & to_string(count) & " vectors" severity failure;
        end loop;
        while sent < count or cycle <= entered(count - 1) + after_last loop
            random := random xor (random sll 13);
            random := random xor (random srl 17);
            random := random xor (random sll 5);
            valid := sent < count and (sent < count / 2 or random(0) = '1');
            if sent > 0 then
                valid := valid and cycle - entered(sent - 1) >= interval;
            end if;
            data := vectors(sent mod count)(4 * @hex_out@ + @bits_in@ - 1 downto 4 * @hex_out@);
            if valid then
                entered(sent) := cycle;
                sent := sent + 1;
                valid_in <= '1';
                data_in <= data;
            else
                valid_in <= '0';
                data_in <= not data;
            end if;
            wait for half_period;
            -- What is seen here was there before this cycle's rising edge.
            if valid_out /= '0' then
                if valid_out /= '1' or received >= sent then
                    fail_cycle;
                end if;
                if cycle - entered(received) /= latency then
                    fail_cycle;
                end if;
                wanted := vectors(received)(@bits_out@ - 1 downto 0);
                if data_out /= wanted then
                    if differences = 0 then
                        first := received;
                        found := data_out;
                        expected := wanted;
                    end if;
                    differences := differences + 1;
                end if;
                received := received + 1;
            end if;
            clk <= '1';
            wait for half_period;
            clk <= '0';
            cycle := cycle + 1;
        end loop;
        if received /= count then
            fail_cycle;
        end if;
        assert differences = 0
            report "FAIL: " & to_string(differences) & " of " & to_string(count) & " vectors differ; first: vector "
                & to_string(first) & ": data_out is " & to_hstring(found) & ", expected " & to_hstring(expected)
            severity failure;
        report "PASS: " & to_string(count) & " vectors, latency " & to_string(latency) & " cycles";
        wait;
    end process;
end architecture simulation;
