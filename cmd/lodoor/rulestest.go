package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/proxy/peer"
	"github.com/lodoor/lodoor/rules"
)

const rulesTestLong = `Ask the rules about a table of peers, and say where they decide otherwise than expected.

The rules are those of the configuration that run would use with the same flags. CASES is a YAML list; docs/rules.md says
what a case can tell of a peer. This ends with 1 when a verdict is not the expected one.`

const rulesTestExample = `  lodoor rules test --config lodoor.yaml cases.yaml

  # cases.yaml
  - {name: psql is let in, service: pg, user: "1000", program: psql, expect: allow}
  - {name: strangers are not, service: pg, address: 203.0.113.9, expect: deny, rule: builtin.default}`

func newRulesTestCommand() *cobra.Command {
	f := &runFlags{}
	var all bool
	cmd := &cobra.Command{
		Use:     "test CASES... [flags]",
		Short:   "Check the rules against a table of expected verdicts",
		Long:    rulesTestLong,
		Example: rulesTestExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(errors.New("name a file of cases; see 'lodoor rules test --help'"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := f.load(nil)
			if err != nil {
				return err
			}
			return testRules(cmd, loaded.RuleSet, args, all)
		},
	}
	cmd.Flags().BoolVarP(&all, "verbose", "v", false, "also tell the cases that are as expected")
	f.registerForLook(cmd.Flags())
	return cmd
}

// testRules runs the cases of all files.
func testRules(cmd *cobra.Command, set *rules.Set, files []string, all bool) error {
	var cases []rules.Case
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read cases: %w", err)
		}
		some, err := rules.ParseCases(data, file)
		if err != nil {
			return configError(err)
		}
		cases = append(cases, some...)
	}
	failed := 0
	for _, r := range set.Test(cases, peer.ZoneOf) {
		if !r.Pass {
			failed++
		}
		if !r.Pass || all {
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), r); err != nil {
				return err
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %s not as expected", failed, plural(uint64(len(cases)), "case"))
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s as expected\n", plural(uint64(len(cases)), "case"))
	return err
}
