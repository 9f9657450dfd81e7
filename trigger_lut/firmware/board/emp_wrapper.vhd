-- @name@: @top@ on links of the EMP framework. An event is @frames@ frame(s) on @links@ link(s) from @first_in@ on.
--
-- d       frame f of an event, link @first_in@ + l: bits (f * @links@ + l) * 64 and following of data_in of @top@
--         A frame counts where all these links are valid. With more than one frame an event, `start` of the first link marks
--         the first one, and an event that has not been complete is dropped.
-- q       link @first_out@ + l: bits l * 64 and following of data_out of @top@, then zeros, in one frame; other links are idle
--         @latency@ cycles after the last frame of the event
-- start, last and start_of_orbit of q are those of the first input link, @latency@ cycles later. With more than one frame an
-- event, start and last are set, and start_of_orbit is that of any of its frames.
library ieee;
use ieee.std_logic_1164.all;
use work.emp_data_types.all;

entity @name@ is
    port (
        clk: in std_logic;
        d: in ldata;
        q: out ldata
    );
end entity @name@;

architecture rtl of @name@ is
    constant frames: positive := @frames@;
    constant links: positive := @links@;
    constant bits: positive := 64 * links;
    constant latency: positive := @latency@;
    constant first_frame: std_logic_vector(frames - 1 downto 0) := (0 => '1', others => '0');
    alias din: ldata(d'length - 1 downto 0) is d;
    -- Which frame this one is, and the next one will be: one bit a frame, none behind the last.
    signal frame: std_logic_vector(frames - 1 downto 0);
    signal following: std_logic_vector(frames - 1 downto 0) := (others => '0');
    signal valid_in, begins, valid_out, orbit: std_logic;
    signal kept_orbit: std_logic := '0';
    signal received: std_logic_vector(bits - 1 downto 0);
    signal whole: std_logic_vector(frames * bits - 1 downto 0);
    signal starts, lasts, orbits: std_logic_vector(latency - 1 downto 0) := (others => '0');
    signal data_out: std_logic_vector(@bits_out@ - 1 downto 0);
    signal padded: std_logic_vector(64 * @out_links@ - 1 downto 0) := (others => '0');
begin
    receive: for l in 0 to links - 1 generate
        received(64 * l + 63 downto 64 * l) <= din(@first_in@ + l).data;
    end generate;
    process(all)
        variable every: std_logic;
    begin
        every := '1';
        for l in 0 to links - 1 loop
            every := every and din(@first_in@ + l).valid;
        end loop;
        valid_in <= every;
    end process;
    one: if frames = 1 generate
        frame <= first_frame;
    else generate
        frame <= first_frame when din(@first_in@).start = '1' else following;
        process(clk) begin
            if rising_edge(clk) then
                if valid_in = '1' then
                    following <= frame sll 1;
                end if;
            end if;
        end process;
    end generate;
    keep: for f in 0 to frames - 2 generate
        process(clk) begin
            if rising_edge(clk) then
                if valid_in = '1' and frame(f) = '1' then
                    whole((f + 1) * bits - 1 downto f * bits) <= received;
                end if;
            end if;
        end process;
    end generate;
    whole(frames * bits - 1 downto (frames - 1) * bits) <= received;
    begins <= valid_in and frame(frames - 1);

    orbit <= din(@first_in@).start_of_orbit or (kept_orbit and not frame(0));
    process(clk) begin
        if rising_edge(clk) then
            if valid_in = '1' then
                kept_orbit <= orbit;
            end if;
            orbits(0) <= orbit;
            starts(0) <= din(@first_in@).start;
            lasts(0) <= din(@first_in@).last;
            if frames > 1 then
                starts(0) <= '1';
                lasts(0) <= '1';
            end if;
            for n in 1 to latency - 1 loop
                orbits(n) <= orbits(n - 1);
                starts(n) <= starts(n - 1);
                lasts(n) <= lasts(n - 1);
            end loop;
        end if;
    end process;

    core: entity work.@top@ port map (clk, begins, whole(@bits_in@ - 1 downto 0), valid_out, data_out);
    padded(@bits_out@ - 1 downto 0) <= data_out;
    process(all)
        variable word: lword;
    begin
        for n in 0 to q'length - 1 loop
            word := LWORD_NULL;
            word.strobe := '1';
            if n >= @first_out@ and n < @first_out@ + @out_links@ and valid_out = '1' then
                word.valid := '1';
                word.data := padded(64 * (n - @first_out@) + 63 downto 64 * (n - @first_out@));
                word.start := starts(latency - 1);
                word.last := lasts(latency - 1);
                word.start_of_orbit := orbits(latency - 1);
            end if;
            q(n) <= word;
        end loop;
    end process;
end architecture rtl;
