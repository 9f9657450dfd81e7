-- @name@: @top@ with the trigger's decision beside its outputs, one bit a working point.
--
--@description@
--
-- latency_cycles = @latency@: valid_out, data_out and decision follow valid_in and data_in after @latency@ clock edges,
-- @network_latency@ of them in @top@. A new input every cycle, no reset. data_in and data_out as of @top@.
-- @name@_logic is the decision alone, @cycles@ clock edge(s) behind what @top@
-- or @top@_tmux give.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity @name@_logic is
    generic (
@parameters@
    );
    port (
        clk: in std_logic;
        valid_in: in std_logic;
        data_in: in std_logic_vector(@bits_out@ - 1 downto 0);
        valid_out: out std_logic;
        data_out: out std_logic_vector(@bits_out@ - 1 downto 0);
        decision: out std_logic_vector(@points@ - 1 downto 0)
    );
end entity @name@_logic;

architecture rtl of @name@_logic is
    function larger(a, b: unsigned) return unsigned is
    begin
        if a > b then
            return a;
        end if;
        return b;
    end function;

    function offset(a: signed) return unsigned is
        variable found: unsigned(a'length - 1 downto 0) := unsigned(a);
    begin
        found(found'high) := not found(found'high);
        return found;
    end function;

    function at_least(a: unsigned; b: signed) return std_logic is
    begin
        if a >= offset(b) then
            return '1';
        end if;
        return '0';
    end function;

    -- valid and outputs, delayed beside the decision
    signal valid: std_logic_vector(@cycles@ - 1 downto 0) := (others => '0');
    signal delayed: std_logic_vector(@cycles@ * @bits_out@ - 1 downto 0);
    attribute shreg_extract: string;
    attribute shreg_extract of valid: signal is "no";
    attribute shreg_extract of delayed: signal is "no";
    -- Output n is out<n> - 2**@sign@ steps of @step@: numbers without sign are compared in one carry chain.
    -- In the same way the score is `score` - 2**@score_sign@.
@signals@
begin
    valid_out <= valid(@cycles@ - 1);
    data_out <= delayed(@cycles@ * @bits_out@ - 1 downto @cycles@ * @bits_out@ - @bits_out@);
@steps@
    process(clk) begin
        if rising_edge(clk) then
            @valid@
            delayed <= @delayed@;
@clocked@
        end if;
    end process;
end architecture rtl;

library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity @name@ is
    generic (
@parameters@
    );
    port (
        clk: in std_logic;
        valid_in: in std_logic;
        data_in: in std_logic_vector(@bits_in@ - 1 downto 0);
        valid_out: out std_logic;
        data_out: out std_logic_vector(@bits_out@ - 1 downto 0);
        decision: out std_logic_vector(@points@ - 1 downto 0)
    );
end entity @name@;

architecture rtl of @name@ is
    signal valid: std_logic;
    signal outputs: std_logic_vector(@bits_out@ - 1 downto 0);
begin
    network: entity work.@top@ port map (clk, valid_in, data_in, valid, outputs);
    decide: entity work.@name@_logic
        generic map (@passed@)
        port map (clk, valid, outputs, valid_out, data_out, decision);
end architecture rtl;
