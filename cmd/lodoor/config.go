package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/alert/channel"
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check, show and begin the configuration",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newValidateCommand(), newShowCommand(), newInitCommand(), newSchemaCommand())
	return cmd
}

func newValidateCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Read the configuration as run would, and tell every problem with its place",
		Long: `Read the configuration as run would: FILE, or the usual one, and the environment. Every problem is told with its place
and what was expected; the exit code is then 78.`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && f.config != "" && f.config != args[0]:
				return usageError(errors.New("FILE and --config name different files; give one of them"))
			case len(args) == 1:
				f.config = args[0]
			}
			return validate(f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.set = cmd.Flags()
	f.registerConfig(cmd.Flags())
	return cmd
}

func validate(f *runFlags, stdout, stderr io.Writer) error {
	loaded, err := configs.Load(configs.LoadOptions{File: f.config})
	if err != nil {
		return configError(err)
	}
	warnings, err := channel.Check(loaded.Config.Alerts.Channels)
	if err != nil {
		return configError(fmt.Errorf("%s: alerts: %w", loaded.Origin("alerts.webhook_file"), err))
	}
	for i := range warnings {
		warnings[i] = "alerts." + warnings[i]
	}
	exports, err := exportWarnings(&loaded.Config.Export, true)
	if err != nil {
		return configError(fmt.Errorf("%s: %w", loaded.Origin("export"), err))
	}
	for _, w := range slices.Concat(loaded.Warnings, warnings, exports) {
		if _, err := fmt.Fprintln(stderr, "lodoor: warning:", w); err != nil {
			return err
		}
	}
	if loaded.File == "" {
		_, err = fmt.Fprintln(stdout, "there is no configuration file; the defaults and the environment are good")
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s is good: %s\n", loaded.File, contents(&loaded.Config))
	return err
}

// contents counts what a configuration has.
func contents(c *configs.Config) string {
	rules := len(c.Rules.Rules)
	var names []string
	for _, s := range c.Services {
		names = append(names, s.Name)
		rules += len(s.Rules)
	}
	if len(names) == 0 {
		return fmt.Sprintf("no services yet, %s", plural(rules, "rule"))
	}
	return fmt.Sprintf("%s (%s), %s", plural(len(names), "service"), strings.Join(names, ", "), plural(rules, "rule"))
}

func newShowCommand() *cobra.Command {
	f := &runFlags{}
	var origin, asJSON bool
	cmd := &cobra.Command{
		Use:   "show [--origin] [--json] [run's arguments]",
		Short: "Show the configuration that run would use, secrets hidden",
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := f.load(args)
			if err != nil {
				return err
			}
			text := strings.TrimSuffix(loaded.YAML(origin), "\n")
			if asJSON {
				b, err := loaded.JSON(origin)
				if err != nil {
					return err
				}
				text = string(b)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().BoolVar(&origin, "origin", false, "say of each value where it comes from")
	cmd.Flags().BoolVar(&asJSON, "json", false, "show JSON; with --origin an object of file, hash, config and origins")
	f.registerForLook(cmd.Flags())
	return cmd
}

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print a JSON Schema of the configuration file, for editors",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := configs.Schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
}

func newInitCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init [--force] [PATH]",
		Short: "Write a small configuration file with comments",
		Long:  "Write a small configuration file with comments to PATH, or to where lodoor looks for yours. Nothing is overwritten.",
		Args:  usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, named := "", len(args) == 1
			if named {
				path = args[0]
			} else if dir := configs.UserDir(os.Environ()); dir != "" {
				path = filepath.Join(dir, "lodoor.yaml")
			}
			if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" {
				return usageError(fmt.Errorf("init %q: expected a PATH that ends with .yaml", path))
			}
			if err := writeStarter(path, force); err != nil {
				return err
			}
			return next(cmd.OutOrStdout(), path, named)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	return cmd
}

// writeStarter puts the starter file in its place in one piece; a file that is there stays, unless force is set.
func writeStarter(path string, force bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".lodoor-*.yaml") // 0600
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // it is gone when it was renamed
	_, err = temp.WriteString(configs.Starter())
	if err = errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	put := os.Link // fails when there is a file
	if force {
		put = os.Rename
	}
	if err := put(temp.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("init: %s is there already; nothing was changed; --force replaces it", path)
	} else if err != nil {
		return fmt.Errorf("init: write %s: %w", path, err)
	}
	return nil
}

// next says what to do with the file that was written.
func next(w io.Writer, path string, named bool) error {
	flag := ""
	if named {
		flag = " --config " + shellQuote(path)
	}
	_, err := fmt.Fprintf(w, `wrote %s

1. edit it:   ${EDITOR:-vi} %s
2. check it:  lodoor config validate%s
3. run it:    lodoor run%s
`, path, shellQuote(path), strings.TrimPrefix(flag, " --config"), flag)
	return err
}
