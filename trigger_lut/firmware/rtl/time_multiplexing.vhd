-- @name@: @top@ for events whose @objects@ objects arrive over several cycles.
--
-- cycles     cycles from one event to the next; given here is what the target's event period makes
-- per_cycle  = ceil(@objects@ / cycles) objects enter a cycle, words = ceil(@objects@ / per_cycle) cycles hold an event
--
-- valid_in   this cycle has objects; cycles without them may lie anywhere
-- first      these are the first ones of an event; an event that has not been complete is dropped
-- objects    object number w * per_cycle + n of the event, in its w-th cycle with objects, at bit n * @width@; an object is
--            @channels@ channel(s), laid out as on data_in of @top@; bits beyond it and beyond the last object are ignored
-- valid_out  follows the cycle with the last objects of an event after @latency@ cycles, data_out as of @top@
--
-- No reset: what came before a `first` has no effect on what comes after it.
library ieee;
use ieee.std_logic_1164.all;

entity @name@ is
    generic (cycles: positive := @cycles@);
    port (
        clk: in std_logic;
        valid_in: in std_logic;
        first: in std_logic;
        objects: in std_logic_vector(((@objects@ + cycles - 1) / cycles) * @width@ - 1 downto 0);
        valid_out: out std_logic;
        data_out: out std_logic_vector(@bits_out@ - 1 downto 0)
    );
end entity @name@;

architecture rtl of @name@ is
    constant per_cycle: positive := (@objects@ + cycles - 1) / cycles;
    constant words: positive := (@objects@ + per_cycle - 1) / per_cycle;
    constant bits: positive := per_cycle * @width@;
    constant first_word: std_logic_vector(words - 1 downto 0) := (0 => '1', others => '0');
    -- Which word this one is, and the next one will be: one bit a word, none after the last.
    signal word: std_logic_vector(words - 1 downto 0);
    signal following: std_logic_vector(words - 1 downto 0) := (others => '0');
    signal whole: std_logic_vector(words * bits - 1 downto 0);
    signal data_in: std_logic_vector(@bits_in@ - 1 downto 0);
    signal start: std_logic;
begin
    word <= first_word when first = '1' else following;
    start <= valid_in and word(words - 1);
    process(clk) begin
        if rising_edge(clk) then
            if valid_in = '1' then
                following <= word sll 1;
            end if;
        end if;
    end process;
    keep: for w in 0 to words - 2 generate
        process(clk) begin
            if rising_edge(clk) then
                if valid_in = '1' and word(w) = '1' then
                    whole((w + 1) * bits - 1 downto w * bits) <= objects;
                end if;
            end if;
        end process;
    end generate;
    whole(words * bits - 1 downto (words - 1) * bits) <= objects;
@wires@

    core: entity work.@top@ port map (clk, start, data_in, valid_out, data_out);
end architecture rtl;
