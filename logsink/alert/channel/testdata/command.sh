# What the tests have a command do: command.sh DOES [DIRECTORY [ARGUMENT...]]
case $1 in
keep)
	cat >"$2/stdin"
	env >"$2/env"
	dir=$2
	shift 2
	printf '%s\n' "$@" >"$dir/args"
	;;
fail)
	printf 'no \033[1m'
	yes no | head -c 100000
	exit 3
	;;
hang)
	sleep 3600 &
	echo $! >"$2/child.new"
	mv "$2/child.new" "$2/child"
	wait
	;;
leave)
	sleep 3600 &
	echo $! >"$2/child"
	;;
esac
